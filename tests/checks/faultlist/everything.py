"""All faults."""

from faultlist.harmless import CONTROLS, NOT_SEEN
from faultlist.keys import ALL_KEY_FAULTS
from faultlist.readiness import READINESS_FAULTS
from faultlist.rows import ROW_FAULTS
from faultlist.shape import SHAPE_FAULTS
from faultlist.typed import TYPE_FAULTS
from faultlist.values import VALUE_FAULTS

SEEN = [*VALUE_FAULTS, *TYPE_FAULTS, *ROW_FAULTS, *SHAPE_FAULTS, *READINESS_FAULTS, *ALL_KEY_FAULTS]
FAULTS = [*SEEN, *CONTROLS, *NOT_SEEN]
