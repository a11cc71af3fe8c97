// A table: columns are a list, rows are what the gateway gave.  A column may leave on narrow screens (`from`), numbers
// stand at the right.  What is still too wide scrolls inside its own frame, by keyboard as well.

import { type MantineBreakpoint, Table } from "@mantine/core";
import type { ReactNode } from "react";

export interface Column<Row> {
  head: string;
  cell: (row: Row) => ReactNode;
  number?: boolean;
  from?: MantineBreakpoint;
}

interface Props<Row> {
  label: string;
  rows: Row[];
  id: (row: Row, at: number) => string | number;
  columns: Column<Row>[];
  open?: (row: Row) => void; // a click anywhere on the row; a link in a cell does the same for the keyboard
}

export function Sheet<Row>({ label, rows, id, columns, open }: Props<Row>) {
  return (
    <div style={{ overflowX: "auto" }} role="region" aria-label={label} tabIndex={0}>
      <Table highlightOnHover={open !== undefined}>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column.head} {...place(column)}>
                {column.head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row, at) => (
            <Table.Tr
              key={id(row, at)}
              {...(open !== undefined && { className: "page-row-link", onClick: () => open(row) })}
            >
              {columns.map((column) => (
                <Table.Td key={column.head} {...place(column)}>
                  {column.cell(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function place<Row>({ number, from }: Column<Row>) {
  return { ...(number && { className: "page-number" }), ...(from !== undefined && { visibleFrom: from }) };
}
