"""Images from files: arrays, pictures and folders of pictures, read in parts."""
