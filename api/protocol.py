"""HTTP on the wire: what is not HTTP is refused in the shape of every other problem."""

import uuid

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import Problem, problem_response


class Protocol(HttpToolsProtocol):
    """Uvicorn's protocol, but for the one answer that it writes itself."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the message is uvicorn's own
        """Answer what cannot be parsed with a problem, and close the connection."""
        problem = Problem(
            "invalid-request",
            "This is not HTTP/1.1, or its line or headers are too long.",
            headers={"Connection": "close"},
        )
        response = problem_response(problem, str(uuid.uuid4()))
        headers = b"".join(b"%s: %s\r\n" % each for each in response.raw_headers)
        body = bytes(response.body)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + headers + b"\r\n" + body)
        self.transport.close()
