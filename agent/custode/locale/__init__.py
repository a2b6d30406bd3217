"""The words of the faces, in English and Italian."""
