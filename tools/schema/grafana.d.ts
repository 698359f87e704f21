// A dashboard as its JSON has to be: Grafana's published types, with the options of each kind of panel put in their places. In JSON an
// enum is its value.
import type { AnnotationQuery, Dashboard, DataQuery, FieldConfig, GraphFieldConfig, Panel, RowPanel, TableFieldOptions } from '@grafana/schema';
import type { Options as GraphOptions } from '@grafana/schema/dist/esm/raw/composable/nodegraph/panelcfg/x/NodeGraphPanelCfg_types.gen';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as TimeseriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Json<T> = unknown extends T ? T
  : T extends string ? `${T}`
  : T extends number | boolean | null | undefined ? T
  : T extends Array<infer Item> ? Array<Json<Item>>
  : { [Key in keyof T]: Json<T[Key]> };

// What the Prometheus data source adds, whose types are in no package of their own.
type Query = DataQuery & {
  expr: string;
  format: 'table' | 'time_series';
  instant: boolean;
  range: boolean;
  legendFormat?: string;
  interval?: string;
};
type Annotation = AnnotationQuery<Query> & { titleFormat: string; textFormat: string };

type Drawn<Type, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Type;
  options: Options;
  fieldConfig: { defaults: Omit<FieldConfig, 'custom'> & { custom?: Custom }; overrides: never[] };
  targets: Query[];
};
type AnyPanel =
  | (Omit<RowPanel, 'panels'> & { panels: never[] })
  | Drawn<'timeseries', TimeseriesOptions, GraphFieldConfig>
  | Drawn<'stat', StatOptions, Record<string, never>>
  | Drawn<'table', TableOptions, TableFieldOptions>
  | Drawn<'nodeGraph', GraphOptions, Record<string, never>>;

export type Whole = Json<
  Omit<Dashboard, 'panels' | 'annotations'> & { panels: AnyPanel[]; annotations: { list: Annotation[] } }
>;
