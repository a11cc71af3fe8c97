// The page around the pages: name and account above, the rooms at the left (behind a button on a phone), and the room
// that the address after `#` names.  Rooms are loaded when first entered; the keyboard's focus follows into them.

import { ActionIcon, AppShell, Burger, Button, Container, Group, Menu, NavLink, Skeleton, Text, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Activity, Boxes, ChartColumn, CircleUser, Code, Gauge, History, KeyRound, ListTree, Moon, Route as RouteIcon, ScrollText, Server, Settings, Sun } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useRef } from "react";
import { Link, Route, Routes, useLocation } from "react-router";
import { api } from "./api";
import { Brand } from "./brand";
import { RefusedConfiguration } from "./operations/refused";
import { useAct } from "./parts/act";
import { Empty } from "./parts/empty";
import type { Session } from "./types";

const Overview = lazy(() => import("./overview/overview"));
const Keys = lazy(() => import("./keys/keys"));
const KeyPage = lazy(() => import("./keys/key"));
const Models = lazy(() => import("./models/models"));
const Upstreams = lazy(() => import("./upstreams/upstreams"));
const Usage = lazy(() => import("./usage/usage"));
const Sessions = lazy(() => import("./usage/sessions"));
const Requests = lazy(() => import("./requests/requests"));
const Recent = lazy(() => import("./recent/recent"));
const PipelinePage = lazy(() => import("./operations/pipeline"));
const SettingsPage = lazy(() => import("./operations/settings"));
const Account = lazy(() => import("./operations/account"));
const Audit = lazy(() => import("./operations/audit"));

const ROOMS = [
  { to: "/", label: "Overview", icon: Gauge },
  { to: "/keys", label: "Keys", icon: KeyRound },
  { to: "/models", label: "Models and prices", icon: Boxes },
  { to: "/upstreams", label: "Upstreams", icon: Server },
  { to: "/usage", label: "Usage", icon: ChartColumn },
  { to: "/sessions", label: "Sessions", icon: ListTree },
  { to: "/requests", label: "Requests", icon: Activity },
  { to: "/recent", label: "Recent", icon: History },
  { to: "/pipeline", label: "Pipeline", icon: RouteIcon },
  { to: "/settings", label: "Settings", icon: Settings },
  { to: "/audit", label: "Audit log", icon: ScrollText },
] as const;

export function Shell({ session }: { session: Session }) {
  const [opened, { toggle, close }] = useDisclosure(false);
  const { pathname } = useLocation();
  const room = `/${pathname.split("/")[1] ?? ""}`;
  const main = useFocusOn(room);
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 210, breakpoint: "sm", collapsed: { mobile: !opened } }} padding={{ base: "sm", sm: "lg" }}>
      <a className="page-skip" href="#content" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>
        Skip to the content
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={opened ? "Close the menu" : "Open the menu"} />
            <Brand />
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Scheme />
            <AccountMenu user={session.user ?? "admin"} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label="Rooms">
        <AppShell.Section grow>
          {ROOMS.map(({ to, label, icon: Icon }) => (
            <NavLink key={to} component={Link} to={to} label={label} active={room === to} aria-current={room === to ? "page" : undefined} leftSection={<Icon size={17} aria-hidden />} onClick={close} style={{ borderRadius: "var(--mantine-radius-md)" }} />
          ))}
        </AppShell.Section>
        <AppShell.Section px="xs" py={6}>
          <Group justify="space-between">
            <Text size="xs" c="dimmed">{session.version}</Text>
            <Button component="a" href="./swagger" variant="subtle" color="gray" size="compact-xs" leftSection={<Code size={13} aria-hidden />}>
              API
            </Button>
          </Group>
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main ref={main} tabIndex={-1} style={{ outline: "none" }}>
        <Container size={1180} p={0}>
          <RefusedConfiguration />
          <Rooms />
        </Container>
      </AppShell.Main>
    </AppShell>
  );
}

function Rooms(): ReactNode {
  return (
    <Suspense fallback={<Skeleton height={240} />}>
      <Routes>
        <Route path="/" element={<Overview />} />
        <Route path="/keys" element={<Keys />} />
        <Route path="/keys/:id" element={<KeyPage />} />
        <Route path="/models" element={<Models />} />
        <Route path="/upstreams" element={<Upstreams />} />
        <Route path="/usage" element={<Usage />} />
        <Route path="/sessions" element={<Sessions />} />
        <Route path="/requests" element={<Requests />} />
        <Route path="/requests/:id" element={<Requests />} />
        <Route path="/recent" element={<Recent />} />
        <Route path="/recent/:id" element={<Recent />} />
        <Route path="/pipeline" element={<PipelinePage />} />
        <Route path="/settings" element={<SettingsPage />} />
        <Route path="/account" element={<Account />} />
        <Route path="/audit" element={<Audit />} />
        <Route path="*" element={<Empty title="There is no such page" text="The address after # names none. The menu has them all." />} />
      </Routes>
    </Suspense>
  );
}

/** The element that takes the focus whenever *room* changes, but not at first: a screen reader then reads what is new. */
function useFocusOn(room: string) {
  const element = useRef<HTMLElement>(null);
  const before = useRef(room);
  useEffect(() => {
    if (before.current !== room) element.current?.focus({ preventScroll: true });
    before.current = room;
  }, [room]);
  return element;
}

function Scheme() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon size="lg" onClick={() => setColorScheme(dark ? "light" : "dark")} aria-label={dark ? "Use light colours" : "Use dark colours"}>
      {dark ? <Sun size={18} aria-hidden /> : <Moon size={18} aria-hidden />}
    </ActionIcon>
  );
}

function AccountMenu({ user }: { user: string }) {
  // A new document forgets everything that this one knew.
  const logout = useAct(api.logout, { then: () => window.location.reload() });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="subtle" color="gray" size="compact-sm" fw={500} maw={180} leftSection={<CircleUser size={17} aria-hidden />}>
          {user}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component={Link} to="/account">
          Password and logins
        </Menu.Item>
        <Menu.Item onClick={() => logout.mutate(undefined)}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
