"""The operator's view over HTTP: is it alive, is it well, what happened to my command."""
