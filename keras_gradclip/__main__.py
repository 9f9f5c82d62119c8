"""`python -m keras_gradclip`: reports and advice from files of norms."""

import sys

from keras_gradclip.command_line import main

if __name__ == "__main__":
    sys.exit(main())
