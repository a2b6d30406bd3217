"""Stable names of every error a person or a script can meet."""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """What happened. The data that each one may carry stands beside it."""

    # anything
    FAILED = "failed"  # why, log; kind (of exception, not shown)
    USAGE = "usage"  # what, command
    CANCELLED = "cancelled"  # nothing (a sentence), requested (a folder)
    TIMED_OUT = "timed_out"  # what, seconds
    CONFIG_INVALID = "config_invalid"  # file, line, what; toml, unknown, relative, key
    NOT_SUPPORTED = "not_supported"  # capability, token
    PART_MISSING = "part_missing"  # why
    NO_DISPLAY = "no_display"

    # the agent
    AGENT_UNAVAILABLE = "agent_unavailable"  # why, cause (a code), log
    AGENT_DIED = "agent_died"  # log
    AGENT_RUNNING = "agent_running"  # home
    SOCKETS_HELD = "sockets_held"  # path
    AGENT_STOPPING = "agent_stopping"
    PROTOCOL_MISMATCH = "protocol_mismatch"  # ours, theirs
    SECRET_UNANSWERED = "secret_unanswered"  # noqa: S105 - a code, not a secret; kind
    SECRET_MISSING = "secret_missing"  # noqa: S105 - a code; why
    JOB_FAILED = "job_failed"  # why

    # the gate (domain.md)
    GATE_CLOSED = "gate_closed"  # reasons: [{code, text_args}]

    # tokens
    NO_MODULE = "no_module"  # file
    CARD_UNKNOWN = "card_unknown"  # reader, atr
    MODULES_CHANGED = "modules_changed"  # file
    READERS_UNAVAILABLE = "readers_unavailable"  # why
    NO_SUCH_TOKEN = "no_such_token"  # noqa: S105 - a code; token
    TOKEN_AMBIGUOUS = "token_ambiguous"  # noqa: S105 - a code; token, serials
    TOKEN_URI_INVALID = "token_uri_invalid"  # noqa: S105 - a code; why
    TOKEN_IN_USE = "token_in_use"  # noqa: S105 - a code; token, serial
    TOKEN_BUSY = "token_busy"  # noqa: S105 - a code; by
    NEEDS_SO = "needs_so"  # capability, token
    TOKEN_GONE = "token_gone"  # noqa: S105 - a code; token
    TOKEN_RETIRED = "token_retired"  # noqa: S105 - a code; token
    ALREADY_INITIALIZED = "already_initialized"  # token
    TOKEN_FULL = "token_full"  # noqa: S105 - a code; token
    SESSION_UNKNOWN = "session_unknown"
    NO_SUCH_KEY = "no_such_key"  # key_id, token
    KEY_EXISTS = "key_exists"  # key_id, token
    NO_TAKER = "no_taker"
    MODULE_FAILED = "module_failed"  # module, why

    # PINs; each of a token's carries token, serial, role (user | so) and pin (what it is called)
    PIN_INCORRECT = "pin_incorrect"  # attempts_remaining, option
    PIN_LOCKED = "pin_locked"  # unblock
    PIN_LAST_ATTEMPT = "pin_last_attempt"  # option
    PIN_NOT_SET = "pin_not_set"  # token
    PIN_TO_BE_CHANGED = "pin_to_be_changed"  # change
    PIN_UNCHANGED = "pin_unchanged"
    PIN_LENGTH = "pin_length"  # min, max, which
    PIN_EQUAL = "pin_equal"
    PIN_ONLY_DIGITS = "pin_only_digits"
    BACKUP_PIN_WEAK = "backup_pin_weak"  # min
    BACKUP_PIN_UNLIKE = "backup_pin_unlike"  # min

    # people, certificates, files
    CODICE_FISCALE_INVALID = "codice_fiscale_invalid"  # codice_fiscale
    PASSWORD_TOO_SHORT = "password_too_short"  # noqa: S105 - a code, not a password; min
    NO_IDENTITY = "no_identity"
    NO_CERTIFICATE = "no_certificate"
    CERTIFICATE_AMBIGUOUS = "certificate_ambiguous"  # operations
    NO_SUCH_OPERATION = "no_such_operation"  # operation
    NO_SUCH_NEED = "no_such_need"  # need
    NO_SUCH_BACKUP = "no_such_backup"  # backup
    BACKUP_AMBIGUOUS = "backup_ambiguous"  # backup, ids
    BACKUP_ON_TOKEN = "backup_on_token"  # noqa: S105 - a code; backup, token, serial
    NO_BACKUP_ON_TOKEN = "no_backup_on_token"  # noqa: S105 - a code; token
    SPARE_IS_PRIMARY = "spare_is_primary"  # token
    SPARE_TAKEN = "spare_taken"  # token, backup
    NOTHING_TO_CLEAR = "nothing_to_clear"  # token
    STATE_NOT_ALLOWED = "state_not_allowed"  # what, state
    CSR_INVALID = "csr_invalid"  # path
    FILE_MISSING = "file_missing"  # path
    FILE_EXISTS = "file_exists"  # path
    FILE_UNREADABLE = "file_unreadable"  # path, why
    FILE_UNWRITABLE = "file_unwritable"  # path, why
    NO_SPACE = "no_space"  # needed, free
    IDENTITY_INSIDE = "identity_inside"
    INCLUDE_REFUSED = "include_refused"  # name, why

    # integrity
    INTEGRITY = "integrity"  # what
    CERTIFICATE_INVALID = "certificate_invalid"  # path
    NOT_A_BACKUP = "not_a_backup"  # path
    CONTAINER_INVALID = "container_invalid"  # path, what
    CONTAINER_NOT_OPENED = "container_not_opened"  # path
    BACKUP_OF_ANOTHER = "backup_of_another"  # path
    EXPORT_INVALID = "export_invalid"  # path
    EXPORT_OF_ANOTHER = "export_of_another"  # path
    EXPORT_PIN_WRONG = "export_pin_wrong"  # path
    EXPORT_PIN_WEAK = "export_pin_weak"  # min, max
    EXPORT_TOO_LARGE = "export_too_large"  # max
    DATABASE_CORRUPT = "database_corrupt"  # path, why
    DATABASE_NEWER = "database_newer"  # path, version
    AUDIT_BROKEN = "audit_broken"  # path, seq
    AUDIT_CUT = "audit_cut"  # path, expected, at

    # the authority: reaching it
    AUTHORITY_UNAVAILABLE = "authority_unavailable"  # address, why
    AUTHORITY_STOPPED = "authority_stopped"
    AUTHORITY_SILENT = "authority_silent"  # why
    AUTHORITY_UNTRUSTED = "authority_untrusted"  # address
    AUTHORITY_ROLLED_BACK = "authority_rolled_back"
    CLOCK_WRONG = "clock_wrong"  # now
    AUTHORITY_NONSENSE = "authority_nonsense"  # why
    AUTHORITY_LOST = "authority_lost"  # path
    AUTHORITY_EXISTS = "authority_exists"  # path
    AUTHORITY_SERVED = "authority_served"  # path
    AUTHORITY_BROKEN = "authority_broken"  # path, why
    AUTHORITY_ELSEWHERE = "authority_elsewhere"  # address
    STILL_GENERATING = "still_generating"  # operation, retry_after_s, wait_with

    # the authority: its refusals; each carries problem, text
    AUTHORITY_REFUSED = "authority_refused"
    UNKNOWN_TO_AUTHORITY = "unknown_to_authority"
    WRONG_CREDENTIALS = "wrong_credentials"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a code, not a password
    TOO_MANY_TRIES = "too_many_tries"  # retry_after_s
    IDENTITY_EXISTS = "identity_exists"  # code, codice_fiscale
    IDENTITY_CEASED = "identity_ceased"
    CSR_SIGNATURE = "csr_signature"
    CSR_SUBJECT = "csr_subject"
    CSR_KEY = "csr_key"
    KEY_OF_ANOTHER = "key_of_another"
    KEY_COMPROMISED = "key_compromised"
    KEY_IS_SUCCESSOR = "key_is_successor"
    SIGNATURE_REQUIRED = "signature_required"
    SIGNATURE_INVALID = "signature_invalid"
    NONCE_INVALID = "nonce_invalid"
    NOT_ACTIVE = "not_active"
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    COVERED_CHANGED = "covered_changed"
    REASON_NOT_ALLOWED = "reason_not_allowed"
    ORIGINAL_ACTIVE = "original_active"
    ORIGINAL_RENEWED = "original_renewed"
    BACKUP_STATE = "backup_state"
    BACKUP_LOCKED = "backup_locked"
    BACKUP_RETIRED = "backup_retired"
    ALREADY_ACTIVATED = "already_activated"
    CONTAINER_MISMATCH = "container_mismatch"
    BACKUP_PLACE = "backup_place"
    WRONG_BACKUP_PIN = "wrong_backup_pin"  # tries_remaining
    NOT_APPROVED = "not_approved"
    APPROVAL_EXPIRED = "approval_expired"
    COPY_REFUSED = "copy_refused"
    UNWRAP_FAILED = "unwrap_failed"
