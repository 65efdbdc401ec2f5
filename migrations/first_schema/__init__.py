"""The tables of the first schema (revision 0001), as they were created; later revisions change them."""
