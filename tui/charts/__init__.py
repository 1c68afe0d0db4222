"""Line charts as plain objects: binned series, axis ticks, braille raster. Nothing here knows Textual."""
