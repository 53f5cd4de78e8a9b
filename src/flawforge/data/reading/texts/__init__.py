"""Files of text that annotations stand in: plain, JSON, XML."""
