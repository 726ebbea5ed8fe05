"""What handlers find on the application and on a request, by typed key."""

from aiohttp import web

from appliance.intake import Intake
from appliance.settings import Settings
from tasks.endings import Endings
from tasks.files import FileStore
from tasks.store import TaskStore

SETTINGS = web.AppKey("settings", Settings)
STORE = web.AppKey("store", TaskStore)
FILES = web.AppKey("files", FileStore)
INTAKE = web.AppKey("intake", Intake)
ENDINGS = web.AppKey("endings", Endings)
