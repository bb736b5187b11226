// Program discovery loads a Prometheus configuration and prints the targets that its first job finds in Consul: their
// address, `service` and `instance` after relabelling. It ends once it has found NUMBER targets, or fails after 20 s.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: discovery CONFIG NUMBER")
	}
	number, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	loaded, err := config.LoadFile(os.Args[1], false, logger)
	if err != nil {
		log.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	metrics, err := discovery.CreateAndRegisterSDMetrics(registry)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	job := loaded.ScrapeConfigs[0]
	manager := discovery.NewManager(ctx, logger, registry, metrics)
	go manager.Run()
	if err := manager.ApplyConfig(map[string]discovery.Configs{job.JobName: job.ServiceDiscoveryConfigs}); err != nil {
		log.Fatal(err)
	}
	for {
		select {
		case groups := <-manager.SyncCh():
			if found := targets(groups[job.JobName], job.RelabelConfigs); len(found) >= number {
				for _, target := range found {
					fmt.Println(target)
				}
				return
			}
		case <-ctx.Done():
			log.Fatalf("%s finds less than %d targets", job.JobName, number)
		}
	}
}

func targets(groups []*targetgroup.Group, rules []*relabel.Config) []string {
	var found []string
	for _, group := range groups {
		for _, target := range group.Targets {
			builder := labels.NewBuilder(labels.EmptyLabels())
			for _, set := range []model.LabelSet{group.Labels, target} {
				for name, value := range set {
					builder.Set(string(name), string(value))
				}
			}
			if relabel.ProcessBuilder(builder, rules...) {
				found = append(found, fmt.Sprintf("%s %s %s", builder.Get("__address__"), builder.Get("service"), builder.Get("instance")))
			}
		}
	}
	sort.Strings(found)
	return found
}
