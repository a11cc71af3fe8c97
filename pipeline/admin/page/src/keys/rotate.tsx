// A new secret for a key; the old one works on for a while, so that nobody is locked out meanwhile.

import { Button, Select } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useState } from "react";
import { api } from "../api";
import { useAct } from "../parts/act";
import { Dialog } from "../parts/form";
import type { Key, Minted } from "../types";

const OVERLAPS = [
  { value: "0", label: "It ends now" },
  { value: "3600", label: "For an hour" },
  { value: "86400", label: "For a day" },
  { value: "604800", label: "For a week" },
];

export function Rotate({ keyOf, then }: { keyOf: Key; then: (minted: Minted) => void }) {
  const [opened, { open, close }] = useDisclosure(false);
  const [overlap, setOverlap] = useState("86400");
  const rotate = useAct(() => api.rotate(keyOf.id, Number(overlap)), {
    touches: ["keys", "audit"],
    quiet: true,
    then: (minted) => {
      close();
      then(minted);
    },
  });
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>Rotate</Button>
      <Dialog opened={opened} close={close} title={`New secret for ${keyOf.name}`} submit={() => rotate.mutate(undefined)} word="Make the new secret" busy={rotate.isPending} error={rotate.error}>
        <Select label="How long does the old secret work?" data={OVERLAPS} value={overlap} onChange={(value) => setOverlap(value ?? "86400")} allowDeselect={false} />
      </Dialog>
    </>
  );
}
