"""Where a training runs: device, number format, one process or several."""
