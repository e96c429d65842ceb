import type { ExpertNumbers, LoraModuleRow } from "../../../src/core/session/loraView";
import { formatNumber } from "../../../src/core/text/quantities";
import { expertSpread, spreadText } from "../../../src/core/update/expertSpread";
import { safeText } from "../../ui/safeText";

/** More rows than this nobody reads; the spread above them is of all. */
const maxListed = 512;

export interface LoraExpertsProps {
  readonly row: LoraModuleRow;
  readonly experts: readonly ExpertNumbers[];
}

/** A module that holds one update for each expert: how these spread, and each by itself. */
export function LoraExperts({ row, experts }: LoraExpertsProps) {
  const spread = expertSpread(experts.map(({ frobenius }) => frobenius));
  return (
    <>
      <p>{safeText(row.unavailable ?? "")}</p>
      <table class="key-value-table plain" aria-label="Module">
        <tbody>
          <tr>
            <th scope="row">ΔW of an expert</th>
            <td>
              {row.outFeatures} × {row.inFeatures}, rank {row.rank}, scale {formatNumber(row.scale)}
            </td>
          </tr>
          {spread !== undefined && (
            <tr>
              <th scope="row">‖ΔW‖, least…median…largest</th>
              <td>{spreadText(spread)}</td>
            </tr>
          )}
        </tbody>
      </table>
      <table class="key-value-table plain" aria-label="Experts">
        <thead>
          <tr>
            <th scope="col">Expert</th>
            <th scope="col">‖ΔW‖</th>
            <th scope="col">σ₁</th>
            <th scope="col">Stable rank</th>
          </tr>
        </thead>
        <tbody>
          {experts.slice(0, maxListed).map(({ frobenius, spectral, stableRank }, expert) => (
            <tr key={expert}>
              <th scope="row">{expert}</th>
              <td>{formatNumber(frobenius)}</td>
              <td>{formatNumber(spectral)}</td>
              <td>{formatNumber(stableRank)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {experts.length > maxListed && <p class="dim">And {experts.length - maxListed} more.</p>}
    </>
  );
}
