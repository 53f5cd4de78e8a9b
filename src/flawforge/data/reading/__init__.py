"""From a folder in any known layout to a dataset: file list, labels, boxes, masks, pixels."""
