// A new key: what it is, then, once, its secret.

import { useState } from "react";
import { api } from "../api";
import { useAct } from "../parts/act";
import { Dialog } from "../parts/form";
import type { KeyWish, Minted } from "../types";
import { type Draft, EMPTY, KeyFields, wishOf } from "./fields";
import { SecretDialog } from "./minted";

export function NewKey({ opened, close }: { opened: boolean; close: () => void }) {
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [minted, setMinted] = useState<Minted | null>(null);
  const wish = wishOf(draft);
  const leave = () => {
    mint.reset();
    setDraft(EMPTY);
    close();
  };
  const mint = useAct((asked: KeyWish) => api.mint(asked), {
    touches: ["keys", "overview", "audit"],
    quiet: true,
    then: (answer) => {
      setMinted(answer);
      leave();
    },
  });
  return (
    <>
      <Dialog opened={opened} close={leave} title="New key" size="lg" submit={() => wish && mint.mutate(wish)} word="Create the key" busy={mint.isPending} error={mint.error} disabled={!wish?.name}>
        <KeyFields draft={draft} change={(part) => setDraft((before) => ({ ...before, ...part }))} />
      </Dialog>
      <SecretDialog minted={minted} close={() => setMinted(null)} />
    </>
  );
}
