// How the page looks: calm and dense.  One colour of its own (a teal, for what can be pressed and what is well), greys for
// everything else, red and amber for what needs somebody.  Numbers stand in columns (tabular figures).
//
// The shades are chosen so that text in them has a contrast of 4.5 on its ground, light and dark (WCAG 2.2, 1.4.3).

import { createTheme, type MantineColorsTuple } from "@mantine/core";

const tide: MantineColorsTuple = [
  "#ecfdf9", "#d3f5ee", "#a6eadd", "#75dccb", "#4bcab7", "#2bb3a1", "#159686", "#0f766e", "#115e59", "#134e4a",
];

export const theme = createTheme({
  primaryColor: "tide",
  primaryShade: { light: 7, dark: 7 },
  colors: { tide },
  defaultRadius: "md",
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'Roboto Mono', 'DejaVu Sans Mono', monospace",
  headings: { fontWeight: "600", sizes: { h1: { fontSize: "1.375rem" }, h2: { fontSize: "1rem" }, h3: { fontSize: "0.9rem" } } },
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true, // shortened by style alone, a dialog would still begin elsewhere, and jump
  components: {
    Table: { defaultProps: { verticalSpacing: 7, horizontalSpacing: 8, fz: "sm" } },
    Badge: { defaultProps: { variant: "light", radius: "sm", tt: "none", fw: 500, miw: "max-content" } },
    Paper: { defaultProps: { withBorder: true, p: "md" } },
    // Nothing moves while it appears: what moves between press and release of a button is not clicked.
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.4, blur: 2 }, transitionProps: { transition: "fade", duration: 150 } }, classNames: { content: "page-dialog" } },
    Drawer: { classNames: { content: "page-dialog" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
  },
});

/** The colour of each class of tokens, in every chart. */
export const CLASSES = [
  { name: "input", label: "Input", color: "tide.5" },
  { name: "cache_read", label: "Cache read", color: "indigo.4" },
  { name: "cache_write", label: "Cache write", color: "violet.5" },
  { name: "output", label: "Output", color: "orange.5" },
] as const;

/** What narrows a list: two beside each other on a phone. */
export const FILTER = { size: "xs", w: { base: "calc(50% - 5px)", xs: 180 } } as const;

/** Colours of rows in a breakdown, in their order; what is left over is grey. */
export const ROWS = ["tide.6", "indigo.5", "orange.5", "violet.5", "cyan.6", "pink.5"] as const;
export const REST = "gray.5";
