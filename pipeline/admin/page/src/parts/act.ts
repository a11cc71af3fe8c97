// Doing something: call the gateway, say that it is done or why not, and have what it touched asked for again.
//
//   const remove = useAct(api.deleteKey, { done: "Key deleted", touches: ["keys"] });
//   remove.mutate(key.id)

import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";

interface Options<Answer> {
  done?: string;
  touches?: string[];
  then?: (answer: Answer) => void;
  quiet?: boolean; // the caller shows the error itself
}

export function useAct<Wish, Answer>(act: (wish: Wish) => Promise<Answer>, options: Options<Answer> = {}) {
  const { done, touches = [], then, quiet = false } = options;
  const client = useQueryClient();
  return useMutation<Answer, Error, Wish>({
    mutationFn: act,
    onSuccess: async (answer) => {
      if (done !== undefined) notifications.show({ message: done, color: "tide" });
      then?.(answer);
      await Promise.all(touches.map((touched) => client.invalidateQueries({ queryKey: [touched] })));
    },
    onError: (error) => {
      if (!quiet) notifications.show({ title: "That did not work", message: error.message, color: "red" });
    },
  });
}
