/** The three labels by which one workload's pods are selected; they never change, as selectors can't. */
export interface WorkloadLabels {
  readonly name: string;
  readonly instance: string;
  readonly component: string;
}

export function selectorLabels(labels: WorkloadLabels): Record<string, string> {
  return {
    'app.kubernetes.io/name': labels.name,
    'app.kubernetes.io/instance': labels.instance,
    'app.kubernetes.io/component': labels.component,
  };
}

/** The selector's labels and who manages the object. */
export function objectLabels(labels: WorkloadLabels): Record<string, string> {
  return { ...selectorLabels(labels), 'app.kubernetes.io/managed-by': 'odradek' };
}
