// Of the modules without types of their own.
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  interface Settings {
    url: string;
    domNode: Element | null;
    deepLinking: boolean;
    validatorUrl: null;
    withCredentials: boolean;
    requestInterceptor: (request: { headers: Record<string, string>; method?: string }) => object;
  }
  export default function SwaggerUIBundle(settings: Settings): void;
}
