"""What the owner reads: the report as a document, on a terminal and as a page, and the story of one signal."""
