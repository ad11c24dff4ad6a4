"""Ask the site of this container whether it and its database answer: exit code 0 or 1. Standard library only."""

import http.client
import os
import sys

# The site refuses a Host that it was not given; a name that starts with a dot allows every name below it.
HOST = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".")


def main() -> int:
    """Ask once."""
    link = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=8)
    try:
        link.request("GET", "/sante", headers={"Host": HOST, "X-Forwarded-Proto": "https"})
        return 0 if link.getresponse().status == 200 else 1
    except OSError:
        return 1
    finally:
        link.close()


if __name__ == "__main__":
    sys.exit(main())
