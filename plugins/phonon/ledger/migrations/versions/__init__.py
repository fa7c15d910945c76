"""One file a version; a released version is never edited."""
