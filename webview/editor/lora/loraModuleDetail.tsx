import type { LoraModuleMetrics, LoraModuleRow } from "../../../src/core/session/loraView";
import { formatNumber, plural } from "../../../src/core/text/quantities";
import { fingerprintLabels } from "../../../src/core/update/adapterFingerprint";
import type { FactorHealth } from "../../../src/core/update/factorHealth";
import { SpectrumChart } from "../../charts/spectrumChart";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import type { EditorModel } from "../editorModel";
import { LoraExperts } from "./loraExperts";
import { LoraIntruders } from "./loraIntruders";

export interface LoraModuleDetailProps {
  readonly model: EditorModel;
  readonly row: LoraModuleRow;
  /** ‖ΔW‖ / ‖W‖, where the base weight is known. */
  readonly baseRatio: number | undefined;
  readonly onCopy: (text: string, what: string) => void;
  readonly onClose: () => void;
}

/** The spectrum of one module's update, and what it says in numbers. */
export function LoraModuleDetail({ model, row, baseRatio, onCopy, onClose }: LoraModuleDetailProps) {
  const { metrics } = row;
  return (
    <div class="detail">
      <div class="detail-head">
        <h2 class="detail-name mono">
          <bdi>{safeText(row.module)}</bdi>
        </h2>
        <Button look="icon" label="Close details" onClick={onClose}>
          <Icon name="close" />
        </Button>
      </div>
      {metrics === undefined && row.experts !== undefined ? (
        <LoraExperts row={row} experts={row.experts} />
      ) : metrics === undefined ? (
        <p>
          <Icon name="warning" class="warning" label="Warning" />{" "}
          {safeText(row.unavailable ?? "The norms of this module could not be computed.")}
        </p>
      ) : (
        <>
          {row.unavailable === undefined ? (
            <SpectrumChart
              title="Singular values of ΔW"
              series={[{ label: row.module, values: metrics.singularValues }]}
              onCopy={onCopy}
            />
          ) : (
            <p>{safeText(row.unavailable)}</p>
          )}
          <table class="key-value-table plain" aria-label="Module">
            <tbody>
              <Fact
                name="ΔW"
                value={`${row.outFeatures} × ${row.inFeatures} = ${formatNumber(row.scale)} · B · A`}
              />
              <Fact
                name="Rank, alpha"
                value={`${row.rank}, ${row.alpha === undefined ? "–" : formatNumber(row.alpha)}`}
              />
              <Fact name="Dtype" value={row.dtype} />
              {!Number.isNaN(metrics.normA) && (
                <Fact
                  name="‖A‖, ‖B‖"
                  value={`${formatNumber(metrics.normA)}, ${formatNumber(metrics.normB)}`}
                />
              )}
              <Fact name="‖ΔW‖" value={formatNumber(metrics.frobenius)} />
              {baseRatio !== undefined && (
                <Fact name="‖ΔW‖ / ‖W‖" value={`${formatNumber(100 * baseRatio)} %`} />
              )}
              {row.unavailable === undefined && <SpectrumFacts metrics={metrics} />}
              {row.fingerprint !== undefined && (
                <Fact name="Looks like" value={fingerprintLabels[row.fingerprint]} />
              )}
              {row.health !== undefined && <Fact name="Factors" value={healthText(row.health)} />}
            </tbody>
          </table>
          <LoraIntruders model={model} module={row.module} />
        </>
      )}
      <div class="button-row">
        <Button onClick={() => onCopy(row.module, "module name")}>Copy name</Button>
      </div>
    </div>
  );
}

function healthText({ balance, cancellation, deadComponents, duplicateComponents }: FactorHealth): string {
  return [
    `‖B‖ / ‖A‖ ${formatNumber(balance)}`,
    `cancellation ${formatNumber(cancellation)}`,
    ...(deadComponents > 0 ? [plural(deadComponents, "dead component")] : []),
    ...(duplicateComponents > 0 ? [plural(duplicateComponents, "duplicate component")] : []),
  ].join(", ");
}

function SpectrumFacts({ metrics }: { readonly metrics: LoraModuleMetrics }) {
  const { spectral, stableRank, effectiveRank, nuclear, rank90, rank95, rank99 } = metrics;
  return (
    <>
      <Fact name="σ₁" value={formatNumber(spectral)} />
      <Fact name="Stable rank" value={formatNumber(stableRank)} />
      <Fact name="Effective rank" value={formatNumber(effectiveRank)} />
      <Fact name="Nuclear norm" value={formatNumber(nuclear)} />
      <Fact name="Energy" value={`90 % in rank ${rank90}, 95 % in ${rank95}, 99 % in ${rank99}`} />
    </>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{safeText(value)}</td>
    </tr>
  );
}
