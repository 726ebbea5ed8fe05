"""The OpenAPI description of the REST interface, made from what declares it.

Technologies describe themselves in `schemas/technologies` and refusals in `schemas/errors.py`; what the other routes
answer is declared in `routes.py`. `document.py` puts it together, `assets.py` finds the page that shows it.
"""
