"""Where the service's own metrics go: one CloudWatch namespace for each deployment."""

import os
from typing import Final

#: Two deployments in one account keep their metrics apart by it, and so do the alarms that read them.
NAMESPACE: Final = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Bookjob")
