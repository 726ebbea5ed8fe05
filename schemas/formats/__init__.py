"""Foreign and legacy voiceprint formats, one file each.

None is read yet: the appliance's own container is `schemas.voiceprint`."""
