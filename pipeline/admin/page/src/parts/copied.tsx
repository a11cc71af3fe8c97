// Text to take along: in a frame, with a button that puts it on the clipboard.  Where the browser gives no clipboard (a
// page over plain HTTP from another machine) the text is selected, ready for the keyboard.

import { Button, Code, Group } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { Check, Copy } from "lucide-react";
import { useRef } from "react";

export function Copied({ text, label }: { text: string; label: string }) {
  const clipboard = useClipboard({ timeout: 1500 });
  const frame = useRef<HTMLElement>(null);
  const take = () => {
    if (window.isSecureContext) clipboard.copy(text);
    else if (frame.current !== null) window.getSelection()?.selectAllChildren(frame.current);
  };
  return (
    <Group gap="xs" align="flex-start" wrap="nowrap">
      <Code block ref={frame} tabIndex={0} role="region" aria-label={label} style={{ flex: 1, minWidth: 0, whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        {text}
      </Code>
      <Button
        size="xs"
        variant="default"
        onClick={take}
        aria-label={`Copy ${label}`}
        leftSection={clipboard.copied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
      >
        {clipboard.copied ? "Copied" : "Copy"}
      </Button>
    </Group>
  );
}
