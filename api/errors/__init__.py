"""Error responses: problem details (RFC 9457), and the table from exceptions to problems."""
