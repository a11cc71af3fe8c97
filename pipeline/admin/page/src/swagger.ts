// The API's own page: Swagger UI over api/openapi.json.  "Try it out" works with the admin's session: its token against
// forged requests is fetched once and goes with every call that changes something.

import SwaggerUIBundle from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";
import { api } from "./api";

const session = await api.session();

SwaggerUIBundle({
  url: "api/openapi.json",
  domNode: document.getElementById("swagger"),
  deepLinking: false,
  validatorUrl: null,
  withCredentials: true,
  requestInterceptor: (request) => {
    if (session.csrf !== undefined) request.headers["x-csrf-token"] = session.csrf;
    return request;
  },
});
