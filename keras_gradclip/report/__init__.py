"""A run as one HTML file: pictures to explore, and the numbers in words."""

from keras_gradclip.report.page import write_report
from keras_gradclip.report.summary import Summary, summarize

__all__ = ["Summary", "summarize", "write_report"]
