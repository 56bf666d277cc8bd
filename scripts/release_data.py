"""What model cards of shipped weights say of the pictures that they were trained on."""

CARD = """- **Licence of the weights**: CC BY-SA 4.0, because a part of the training pictures is under that licence.
- **Training pictures** (256x256 tiles, none of them in a test set): CLIC 2025 photos, gb82, elementary and pop-os
  wallpapers, imageio samples (CC0 / Unsplash / public domain); Cloudinary CID22 training part (CC BY-SA 4.0);
  illustrations by Mikanixonable (CC0), Pepper&Carrot by David Revoy (CC BY 4.0), Ren'Py demo art (MIT), Naev planets
  (mixed free licences); game screens composed from Kenney sprites (CC0), Unknown Horizons (CC BY-SA 3.0),
  The Secret Chronicles of Dr. M. (GPL-3) and Naev."""
