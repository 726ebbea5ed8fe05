// Nothing but this appliance is asked: no validator, no other server, no key kept beyond the page.
SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#description",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  queryConfigEnabled: false,
  validatorUrl: null,
  onComplete: named,
});

// What Swagger UI leaves unnamed, or at another level than it stands.
function named() {
  document.querySelector("#servers")?.setAttribute("aria-label", "Server");
  for (const heading of document.querySelectorAll("h3.opblock-tag")) heading.setAttribute("aria-level", "2");
}
