/** The page as a table of text: what the heat map shows, for those who do not see it. */
import type { JSX } from "preact";
import { formatNumber } from "../format";
import { ScrolledTable } from "../views/look-parts";
import { fullNumber } from "./numbers";
import type { TensorPicture } from "./protocol";

export function ValuesTable({ picture, old }: { readonly picture: TensorPicture; readonly old: boolean }): JSX.Element {
  const { title, rows, columns, values } = picture;
  const along = Array.from({ length: columns.count }, (_, i) => i);
  return (
    <div class={old ? "tensor-values old" : "tensor-values"}>
      <ScrolledTable label={`${title} as a table`}>
        <caption class="unseen">{title}</caption>
        <thead>
          <tr>
            <th scope="col">
              <span class="unseen">Row</span>
            </th>
            {along.map((i) => (
              <th key={i} scope="col" class="number">
                {columns.first + i}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: rows.count }, (_, row) => (
            <tr key={row}>
              <th scope="row" class="number">
                {rows.first + row}
              </th>
              {along.map((i) => {
                const value = values[row * columns.count + i];
                return (
                  <td key={i} class={Number.isFinite(value) ? "number" : "number wrong-text"} title={fullNumber(value)}>
                    {formatNumber(value)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </ScrolledTable>
    </div>
  );
}
