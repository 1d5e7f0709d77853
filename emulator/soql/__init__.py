"""SOQL: text to tree, tree to SQL, rows to the bytes of an answer."""
