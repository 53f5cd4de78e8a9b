"""The page of audit and score of images from another tool."""
