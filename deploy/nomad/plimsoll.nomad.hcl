# docs/deployment.md tells what each mount and capability is for. The client has to allow them:
#
#   plugin "docker" {
#     config {
#       allow_caps = ["bpf", "perfmon", "sys_ptrace"]
#       volumes { enabled = true }
#     }
#   }

job "plimsoll" {
  # On every client.
  type     = "system"
  priority = 90

  update {
    max_parallel = 1
    stagger      = "30s"
  }

  group "plimsoll" {
    network {
      # The host's network and its name: node_nf_conntrack_... and node_uname_info are of these.
      mode = "host"
      port "metrics" {
        static = 18760
      }
    }

    service {
      name     = "plimsoll"
      provider = "nomad"
      port     = "metrics"

      check {
        type     = "http"
        path     = "/-/healthy"
        interval = "30s"
        timeout  = "5s"
      }
    }

    task "plimsoll" {
      driver = "docker"

      config {
        image = "plimsoll:0.1.0"
        args = [
          "--path.rootfs=/host",
          "--path.procfs=/host/proc",
          "--path.sysfs=/host/sys",
        ]
        network_mode    = "host"
        uts_mode        = "host"
        readonly_rootfs = true
        cap_drop        = ["all"]
        # BPF, PERFMON: the programs in the kernel. SYS_PTRACE: which network namespace a container is in.
        cap_add = ["bpf", "perfmon", "sys_ptrace"]
        # The default AppArmor profile does not let a process look at those of other containers.
        security_opt = ["no-new-privileges", "apparmor=unconfined"]

        mount {
          type     = "bind"
          source   = "/"
          target   = "/host"
          readonly = true
          bind_options {
            propagation = "rslave"
          }
        }
      }

      resources {
        cpu        = 100
        memory     = 128
        memory_max = 512
      }
    }
  }
}
