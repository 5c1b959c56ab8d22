"""`python -m bulkconn` is the command `bulkconn`."""

import sys

from bulkconn.cli.main import entry_point

if __name__ == "__main__":
    sys.exit(entry_point())
