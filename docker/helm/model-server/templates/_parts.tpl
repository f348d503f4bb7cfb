{{- define "model-server.metadata" -}}
name: {{ .Release.Name }}
namespace: {{ .Release.Namespace }}
labels:
  app.kubernetes.io/name: {{ .Release.Name }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
annotations:
  {{- include "model-server.weights" . | nindent 2 }}
{{- end }}

{{- define "model-server.weights" -}}
dsportal/model: {{ .Values.model | quote }}
dsportal/weights-sha256: {{ .Values.weightsSha256 | quote }}
{{- end }}

{{- define "model-server.container" -}}
image: {{ .Values.image | quote }}
resources:
  requests: {{- toYaml .Values.resources | nindent 4 }}
  limits: {{- toYaml .Values.resources | nindent 4 }}
startupProbe:
  httpGet: {path: /v2/health/ready, port: 8080}
  periodSeconds: 1
  failureThreshold: 120
readinessProbe:
  httpGet: {path: /v2/health/ready, port: 8080}
  periodSeconds: 5
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /v2/health/live, port: 8080}
  periodSeconds: 10
  failureThreshold: 3
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
{{- end }}
