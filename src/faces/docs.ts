// Owns the page that makes the OpenAPI document browsable. Its script and style are static assets, placed by set-up.
// API keys are typed into it, so it runs nothing but its own two scripts and keeps no key.

import { Hono } from "hono";
import { NONCE, secureHeaders, type SecureHeadersVariables } from "hono/secure-headers";

const page = (nonce: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>Holdfast API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="docs"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script nonce="${nonce}">
      SwaggerUIBundle({ url: "/api/openapi.json", dom_id: "#docs", deepLinking: true });
    </script>
  </body>
</html>
`;

export const docs = new Hono<{ Variables: SecureHeadersVariables }>();

docs.use(
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'self'"],
      scriptSrc: ["'self'", NONCE],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", "data:"],
      frameAncestors: ["'none'"],
    },
  }),
);
docs.get("/", (c) => c.html(page(c.get("secureHeadersNonce") ?? "")));
