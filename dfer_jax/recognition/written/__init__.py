"""What is written of a video: a table of rows, a summary, a page, an annotated copy."""
