"""Any SSD model as the detector: its boxes, with landmarks and a second opinion from O-Net."""
