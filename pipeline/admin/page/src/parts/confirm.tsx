// A button that asks once more before it does what can't be undone.  The dialog says what will happen; the way out has
// the focus.

import { Button, type ButtonProps, Group, Modal, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { ReactNode } from "react";

interface Props extends ButtonProps {
  label: string; // what the button says, and, with the name of the thing, what it is called
  of?: string;
  title: string;
  text: ReactNode;
  yes: string;
  act: () => void;
}

export function Confirm({ label, of, title, text, yes, act, ...button }: Props) {
  const [opened, { open, close }] = useDisclosure(false);
  const go = () => {
    close();
    act();
  };
  return (
    <>
      <Button size="xs" variant="default" {...button} onClick={open} aria-label={of === undefined ? label : `${label} ${of}`}>
        {label}
      </Button>
      <Modal opened={opened} onClose={close} title={title} closeButtonProps={{ "aria-label": "Close" }}>
        <Text size="sm" mb="lg" component="div">
          {text}
        </Text>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={close} data-autofocus>
            Keep it as it is
          </Button>
          <Button color="red.8" onClick={go}>
            {yes}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
