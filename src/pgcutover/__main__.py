"""`python -m pgcutover`."""

import sys

from pgcutover.cli import main

sys.exit(main())
