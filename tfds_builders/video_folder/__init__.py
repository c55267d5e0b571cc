"""video_folder: one's own videos or frame folders, labelled by a table."""
