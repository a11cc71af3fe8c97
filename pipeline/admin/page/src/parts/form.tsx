// A form in a dialog: fields, the gateway's refusal above them, one button that does it.  Enter submits.

import { Alert, Button, Group, Modal, Stack } from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { Refusal } from "../api";

interface Props {
  opened: boolean;
  close: () => void;
  title: string;
  submit: () => void;
  word: string;
  busy: boolean;
  error: Error | null;
  disabled?: boolean;
  size?: string;
  children: ReactNode;
}

export function Dialog({ opened, close, title, size = "md", ...form }: Props) {
  return (
    <Modal opened={opened} onClose={close} title={title} size={size} closeButtonProps={{ "aria-label": "Close" }}>
      <Form {...form} cancel={close} />
    </Modal>
  );
}

type FormProps = Omit<Props, "opened" | "close" | "title" | "size"> & { cancel?: () => void };

export function Form({ submit, word, busy, error, disabled = false, cancel, children }: FormProps) {
  const go = (event: FormEvent) => {
    event.preventDefault();
    submit();
  };
  return (
    <form onSubmit={go}>
      <Stack gap="sm">
        {error !== null && <Refused error={error} />}
        {children}
        <Group justify="flex-end" gap="xs" mt="xs">
          {cancel !== undefined && (
            <Button variant="default" onClick={cancel}>
              Cancel
            </Button>
          )}
          <Button type="submit" loading={busy} disabled={disabled}>
            {word}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Refused({ error }: { error: Error }) {
  const fields = error instanceof Refusal ? error.fields : [];
  return (
    <Alert color="red" role="alert" title={error.message}>
      {fields.map((field) => (
        <div key={field.path}>
          <b>{field.path}</b>: {field.message}
        </div>
      ))}
    </Alert>
  );
}
