"""What audit and score found of generated images, and the folder for images from another tool."""
