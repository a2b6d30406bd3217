"""Every error reaches the shell with its exit status, and is told the same way twice."""

import json

import pytest

from custode.error_codes import ErrorCode
from custode.error_table import ROWS
from custode.errors import CustodeError

