{{- define "plimsoll.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "plimsoll.selector" -}}
app.kubernetes.io/name: {{ include "plimsoll.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "plimsoll.labels" -}}
{{ include "plimsoll.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "plimsoll.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "plimsoll.name" .) }}
{{- end }}

{{- define "plimsoll.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* How Prometheus asks, and what of the answer it keeps. */}}
{{- define "plimsoll.endpoint" -}}
{{- $monitor := index . 0 }}{{ $values := index . 1 }}{{ $files := index . 2 -}}
port: metrics
interval: {{ $monitor.interval }}
scrapeTimeout: {{ $monitor.scrapeTimeout }}
relabelings:
  - {sourceLabels: [__meta_kubernetes_pod_node_name], targetLabel: instance}
{{- if or (eq $values.cadvisor "accompany") (eq $values.nodeExporter "accompany") }}
metricRelabelings:
  {{- if eq $values.cadvisor "accompany" }}
  - {action: drop, sourceLabels: [__name__], regex: {{ $files.Get "files/cadvisor" | trim | quote }}}
  {{- end }}
  {{- if eq $values.nodeExporter "accompany" }}
  - {action: drop, sourceLabels: [__name__], regex: "node_.+"}
  {{- end }}
{{- end }}
{{- end }}
