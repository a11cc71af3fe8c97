// Where the page begins: theme, questions to the gateway, notices, the door.

import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./page.css";

import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { HashRouter } from "react-router";
import { Refusal } from "./api";
import { Door } from "./door/door";
import { theme } from "./theme";

// A refusal is an answer: only silence is worth a second try.
const again = (failures: number, error: Error) => failures < 2 && error instanceof Refusal && error.status === 0;

const client = new QueryClient({ defaultOptions: { queries: { retry: again, staleTime: 2000 } } });

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto">
        <QueryClientProvider client={client}>
          <Notifications position="bottom-right" />
          <HashRouter>
            <Door />
          </HashRouter>
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
