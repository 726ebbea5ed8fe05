"""What handlers find on the application and on a request, by typed key."""

from aiohttp import web

from appliance.access.door import Door
from appliance.access.visitor import Visitor
from appliance.intake import Intake
from appliance.results import Results
from appliance.settings import Settings
from tasks.audit import Audit
from tasks.endings import Endings
from tasks.files import FileStore
from tasks.metrics.tally import Tally
from tasks.metrics.telling import Teller
from tasks.store import TaskStore
from tasks.tracing import Tracing
from tasks.workforce import Workforce

SETTINGS = web.AppKey("settings", Settings)
DOOR = web.AppKey("door", Door)
STORE = web.AppKey("store", TaskStore)
WORKFORCE = web.AppKey("workforce", Workforce)
FILES = web.AppKey("files", FileStore)
AUDIT = web.AppKey("audit", Audit)
TALLY = web.AppKey("tally", Tally)
TELLER = web.AppKey("teller", Teller)
TRACING = web.AppKey("tracing", Tracing)
RESULTS = web.AppKey("results", Results)
INTAKE = web.AppKey("intake", Intake)
ENDINGS = web.AppKey("endings", Endings)
# Who asks, known from the door on; what was refused before it, for a host that is none, has nobody.
VISITOR = web.RequestKey("visitor", Visitor)
