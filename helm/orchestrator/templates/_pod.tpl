{{/* What restricted pods are held to; on the pod and on each of its containers. */}}
{{- define "orchestrator.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1654
runAsGroup: 1654
fsGroup: 1654
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "orchestrator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* The user's affinity; and one node for all, where only one can mount the volume of jobs. */}}
{{- define "orchestrator.affinity" -}}
{{- $affinity := deepCopy .of.affinity -}}
{{- if include "orchestrator.onOneNode" .root -}}
{{- $beside := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (merge (dict "orchestrator.dev/volume" "data") (include "orchestrator.selector" .root | fromYaml))) -}}
{{- $pods := $affinity.podAffinity | default dict -}}
{{- $required := append ($pods.requiredDuringSchedulingIgnoredDuringExecution | default list) $beside -}}
{{- $_ := set $affinity "podAffinity" (merge (dict "requiredDuringSchedulingIgnoredDuringExecution" $required) $pods) -}}
{{- end -}}
{{- with $affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The pod of a server or of a worker: root, part (servers or workers), of (its values), workers (that it has). */}}
{{- define "orchestrator.pod" -}}
{{- $root := .root -}}
{{- $of := .of -}}
{{- $values := .root.Values -}}
{{- $servers := eq .part "servers" -}}
{{- $callsKubernetes := and $servers (or $values.operator.enabled $values.auth.serviceAccounts) -}}
metadata:
  labels:
    {{- include "orchestrator.selector" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
    orchestrator.dev/volume: data
    {{- with $of.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $of.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ $servers | ternary (include "orchestrator.serversAccount" $root) (include "orchestrator.workersAccount" $root) }}
  automountServiceAccountToken: {{ $callsKubernetes }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $of.terminationGracePeriodSeconds }}
  {{- with include "orchestrator.imagePullSecrets" $root }}
  {{- . | trim | nindent 2 }}
  {{- end }}
  {{- with $of.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if not $servers }}
  {{- with $of.accelerator.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- end }}
  securityContext:
    {{- include "orchestrator.podSecurity" $root | nindent 4 }}
  {{- with $of.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $of.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "orchestrator.affinity" . }}
  {{- . | trim | nindent 2 }}
  {{- end }}
  {{- if $of.topologySpread }}
  topologySpreadConstraints:
    {{- range $of.topologySpread }}
    - labelSelector:
        matchLabels:
          {{- include "orchestrator.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.part }}
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - name: orchestrator
      image: {{ include "orchestrator.image" $root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        - serve
        - --name=$(POD_NAME)
        - --ports=8080
        - --listen=0.0.0.0
        - --advertise=$(POD_IP)
        - --workers={{ .workers }}
        - --data=/data
        {{- if $values.models.existingClaim }}
        - --models={{ $values.models.path }}
        {{- end }}
        {{- if $values.insecure }}
        - --insecure
        {{- else }}
        - --tls-certificate=/tls/tls.crt
        - --tls-key=/tls/tls.key
        - --tls-authority=/tls/ca.crt
        - --tls-peer-name={{ include "orchestrator.peerName" $root }}
        {{- if $servers }}
        - --admin-token=/admin/token
        {{- end }}
        {{- end }}
      env:
        - name: POD_NAME
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
        - name: POD_IP
          valueFrom: { fieldRef: { fieldPath: status.podIP } }
        - name: ORCHESTRATOR_DATABASE
          valueFrom:
            secretKeyRef: { name: {{ include "orchestrator.databaseSecret" $root }}, key: {{ include "orchestrator.databaseKey" $root }} }
        - { name: ORCHESTRATOR_CLUSTER, value: {{ printf "%s/%s" $root.Release.Namespace (include "orchestrator.fullname" $root) | quote }} }
        - { name: ORCHESTRATOR_CACHE, value: /cache }
        - { name: ORCHESTRATOR_LOG_FORMAT, value: {{ $values.logs.format }} }
        - { name: ORCHESTRATOR_LOG_LEVEL, value: {{ $values.logs.level }} }
        - { name: HOME, value: /tmp }
        {{- with $values.tracing.endpoint }}
        - { name: ORCHESTRATOR_OTLP_ENDPOINT, value: {{ . | quote }} }
        - { name: ORCHESTRATOR_OTLP_SAMPLE_RATIO, value: {{ $values.tracing.sampleRatio | quote }} }
        {{- end }}
        {{- with $values.auth.oidc.issuer }}
        - { name: ORCHESTRATOR_OIDC_ISSUER, value: {{ . | quote }} }
        - { name: ORCHESTRATOR_OIDC_AUDIENCE, value: {{ $values.auth.oidc.audience | quote }} }
        - { name: ORCHESTRATOR_OIDC_ROLES_CLAIM, value: {{ $values.auth.oidc.rolesClaim | quote }} }
        {{- end }}
        {{- if $servers }}
        {{- if $values.auth.serviceAccounts }}
        - { name: ORCHESTRATOR_KUBERNETES_TOKEN_REVIEW, value: "true" }
        {{- end }}
        {{- if $values.operator.enabled }}
        - { name: ORCHESTRATOR_OPERATOR, value: "true" }
        - { name: ORCHESTRATOR_OPERATOR_NAMESPACES, value: {{ $values.operator.allNamespaces | ternary "*" (join "," (prepend $values.operator.namespaces $root.Release.Namespace | uniq)) | quote }} }
        {{- if $values.workers.scaling.enabled }}
        - { name: ORCHESTRATOR_OPERATOR_WORKERS, value: {{ printf "%s/%s-workers" $root.Release.Namespace (include "orchestrator.fullname" $root) | quote }} }
        - { name: ORCHESTRATOR_OPERATOR_WORKERS_PER_POD, value: {{ $values.workers.perPod | quote }} }
        - { name: ORCHESTRATOR_OPERATOR_PODS_MIN, value: {{ $values.workers.scaling.min | quote }} }
        - { name: ORCHESTRATOR_OPERATOR_PODS_MAX, value: {{ $values.workers.scaling.max | quote }} }
        - { name: ORCHESTRATOR_OPERATOR_IDLE_SECONDS, value: {{ $values.workers.scaling.idleSeconds | quote }} }
        {{- end }}
        {{- end }}
        {{- end }}
        {{- with $of.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - { name: http, containerPort: 8080 }
        - { name: grpc, containerPort: 8081 }
        - { name: exchange, containerPort: 8082 }
        - { name: silo, containerPort: 8083 }
        - { name: gateway, containerPort: 8084 }
      {{- /* Alive is asked of the process alone: a database that is away must not restart it. */}}
      startupProbe:
        httpGet: { path: /healthz, port: http, scheme: {{ include "orchestrator.scheme" $root | upper }} }
        periodSeconds: 2
        failureThreshold: 90
      readinessProbe:
        httpGet: { path: /readyz, port: http, scheme: {{ include "orchestrator.scheme" $root | upper }} }
        periodSeconds: 5
        timeoutSeconds: 3
      livenessProbe:
        httpGet: { path: /healthz, port: http, scheme: {{ include "orchestrator.scheme" $root | upper }} }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      lifecycle:
        {{- if $servers }}
        {{- /* Clients are sent elsewhere before it stops listening. */}}
        preStop: { exec: { command: [sleep, {{ $of.preStopSeconds | quote }}] } }
        {{- else }}
        {{- /* Hands its work back at the next step, and takes no more. */}}
        preStop: { exec: { command: [orchestrator, drain, --local, --wait] } }
        {{- end }}
      {{- $resources := deepCopy $of.resources }}
      {{- if and (not $servers) $of.accelerator.resource }}
      {{- $count := dict $of.accelerator.resource (toString $of.perPod) }}
      {{- $_ := set $resources "limits" (merge $count ($resources.limits | default dict)) }}
      {{- $_ := set $resources "requests" (merge (deepCopy $count) ($resources.requests | default dict)) }}
      {{- end }}
      resources:
        {{- toYaml $resources | nindent 8 }}
      securityContext:
        {{- include "orchestrator.containerSecurity" $root | nindent 8 }}
      volumeMounts:
        - { name: data, mountPath: /data }
        - { name: cache, mountPath: /cache }
        - { name: tmp, mountPath: /tmp }
        {{- if $values.models.existingClaim }}
        - { name: models, mountPath: {{ $values.models.path }}, readOnly: true }
        {{- end }}
        {{- if not $values.insecure }}
        - { name: tls, mountPath: /tls, readOnly: true }
        {{- if $servers }}
        - { name: admin, mountPath: /admin, readOnly: true }
        {{- end }}
        {{- end }}
  volumes:
    - name: data
      persistentVolumeClaim: { claimName: {{ include "orchestrator.dataClaim" $root }} }
    - name: cache
      emptyDir: { sizeLimit: {{ $of.cacheSize }} }
    - name: tmp
      emptyDir: { sizeLimit: 1Gi }
    {{- if $values.models.existingClaim }}
    - name: models
      persistentVolumeClaim: { claimName: {{ $values.models.existingClaim }}, readOnly: true }
    {{- end }}
    {{- if not $values.insecure }}
    - name: tls
      secret: { secretName: {{ include "orchestrator.tlsSecret" $root }}, defaultMode: 0440 }
    {{- if $servers }}
    - name: admin
      secret: { secretName: {{ include "orchestrator.adminTokenSecret" $root }}, defaultMode: 0440, items: [{ key: token, path: token }] }
    {{- end }}
    {{- end }}
{{- end -}}
