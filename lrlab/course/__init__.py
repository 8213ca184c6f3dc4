"""What belongs to the notebooks: the judges of their exercises, one file a notebook."""
